/**
 * The data folder itself.
 *
 * (1) Its entry in the folder above, and that one's in the next, are on the disk before anything is written to it: or a power cut
 *     could take it away with all that was synced in it. A process may die between making it and syncing that, so this is
 *     done until `meta.properties`, the first file, is there.
 */
import { FileError, type FileSystem } from "../runtime/runtime.ts";
import { directoryOf } from "./atomic_file.ts";
import { META_PROPERTIES_FILE } from "./meta_properties.ts";

/** Makes the folder when it is missing, with all above it (1). */
export function makeDataFolder(files: FileSystem, path: string): void {
  if (files.stat(`${path}/${META_PROPERTIES_FILE}`) !== null) return;
  files.makeDirectory(path);
  for (let above = path; above !== directoryOf(above);) {
    above = directoryOf(above);
    try {
      files.syncDirectory(above);
    } catch (error) {
      // A folder that is not ours to open is not one that we made.
      if (!(error instanceof FileError) || (error.code !== "EACCES" && error.code !== "EPERM")) throw error;
    }
  }
}
