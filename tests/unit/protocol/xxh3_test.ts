import { expect, test } from "bun:test";
import { xxh3 } from "../../../protocol/xxh3.ts";

/** Of bytes 0, 1, 2 …, by the reference implementation. */
const vectors: readonly (readonly [length: number, hash: string])[] = [
  [0, "2d06800538d394c2"],
  [1, "c44bdff4074eecdb"],
  [2, "d6645fc3051a9457"],
  [3, "5f4299fc161c9cbb"],
  [4, "60dab036a58211f2"],
  [5, "b075753a84ca0fbe"],
  [7, "0cd2084a62406b69"],
  [8, "3a1c2d7c85af88f8"],
  [9, "e9612598145bb9dc"],
  [15, "55ecedc2b87bb042"],
  [16, "8355e3a6f61770db"],
  [17, "9ef341a99de37328"],
  [31, "4f36db8e4df378fd"],
  [32, "3523581fe96e4c05"],
  [33, "e68c56ba88991e58"],
  [63, "aaa5f0fb98a36ae8"],
  [64, "6187eb9089b0ed55"],
  [65, "6928c76ce90422d0"],
  [96, "278a3e12ea046dfb"],
  [97, "e7220282dc4e14f4"],
  [127, "120b9787f8425f2f"],
  [128, "85c6174c7ff4c46b"],
  [129, "ec7642b431ba3e5a"],
  [143, "8222e885f060341d"],
  [144, "028e1e35ff4c0a01"],
  [160, "5bea9075ec9401b8"],
  [161, "ed4fa53926907f3b"],
  [200, "f42a8864feaf0703"],
  [239, "972b14e3c46f214b"],
  [240, "375a384d957fe865"],
  [241, "02e8cd95421c6d02"],
  [255, "074191baf9c49567"],
  [256, "44f5d90dacde463a"],
  [257, "88fc3f7934a6c9be"],
  [1023, "d3d91d80ac495685"],
  [1024, "e5d78bafa45b2aa5"],
  [1025, "e95c42288f28186e"],
  [1088, "1a848d807034c403"],
  [2048, "25339063db861586"],
  [5000, "b418500fc42320ee"],
];

test.each(vectors)("%i bytes", (length, hash) => {
  const bytes = Uint8Array.from({ length }, (_, index) => index % 251);
  expect(xxh3(bytes).toString(16).padStart(16, "0")).toBe(hash);
});
