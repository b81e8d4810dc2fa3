/** The version of this Weir: the same as in package.json and deno.json, which a test holds us to. */
export const version = "0.1.0";
