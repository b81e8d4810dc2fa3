/** Groups of consumers, by what tools alone can do with them; members that stay are in group_tools_test.ts and its like. */

import type { Scripts } from "./shell.ts";

const keyed = "--reader-property parse.key=true --reader-property key.separator=:";

export const groupsScripts: Scripts = {
  "consumer-groups lists, describes, resets and deletes": async (shell) => {
    await shell.topic("grouped.g", 2);
    await shell.run(`console-producer --topic grouped.g ${keyed}`, { input: "a:1\nb:2\nc:3\nd:4\n" });
    const consume = "--from-beginning --max-messages 4";
    await shell.run(`console-consumer --topic grouped.g --group readers.g ${consume}`, { isSorted: true });
    const listed = { rows: /readers\.g|GROUP/, isSorted: true };
    for (const filter of ["", "--state", "--state empty", "--state stable", "--type", "--type classic"]) {
      await shell.run(`consumer-groups --list ${filter}`, listed);
    }
    await shell.run("groups --list\n groups --list --consumer\n groups --list --protocol consumer", listed);
    const table = { isSorted: true };
    const reset = "consumer-groups --reset-offsets --group readers.g";
    await shell.run(
      `
      consumer-groups --describe --group readers.g
      consumer-groups --describe --group readers.g --state
      consumer-groups --describe --group readers.g --members
      ${reset} --topic grouped.g --to-offset 1 --dry-run
      consumer-groups --describe --group readers.g
      ${reset} --topic grouped.g --to-earliest --execute
      consumer-groups --describe --group readers.g
      ${reset} --topic grouped.g:1 --shift-by 1 --execute
      ${reset} --topic grouped.g --to-current --dry-run
      ${reset} --all-topics --by-duration PT1H --dry-run
      ${reset} --topic grouped.g --to-datetime 2020-01-01T00:00:00.000 --execute
      ${reset} --all-topics --to-latest --execute
      ${reset} --all-topics --to-latest --export --dry-run
      consumer-groups --describe --group readers.g
    `,
      table,
    );
    const plan = shell.file("plan.csv", '"grouped.g",0,1\n"grouped.g",1,0\n');
    await shell.run(
      `
      ${reset} --from-file ${plan} --execute
      consumer-groups --describe --group readers.g
      consumer-groups --validate-regex a.*b
      consumer-groups --delete-offsets --group readers.g --topic grouped.g:0
      consumer-groups --delete-offsets --group readers.g --topic grouped.g
      consumer-groups --describe --group readers.g
      consumer-groups --delete --group readers.g
    `,
      table,
    );
    await shell.run("consumer-groups --list", listed);
    // It says what went wrong, and that all is well.
    await shell.run(
      "consumer-groups --delete --group readers.g\n consumer-groups --describe --group readers.g",
      table,
    );
  },

  "share-groups tells of a group that console-share-consumer read in": async (shell) => {
    await shell.topic("queue.g");
    await shell.run(
      "configs --alter --entity-type groups --entity-name queue.g --add-config share.auto.offset.reset=earliest",
    );
    await shell.run("console-producer --topic queue.g", { input: "a\nb\nc\n" });
    const shown = "--formatter-property print.offset=true --formatter-property print.delivery=true";
    await shell.run(
      `
      console-share-consumer --topic queue.g --group queue.g --max-messages 2 --timeout-ms 30000 ${shown}
      share-groups --describe --group queue.g
      share-groups --describe --group queue.g --state
      share-groups --reset-offsets --group queue.g --topic queue.g --to-latest --execute
      share-groups --describe --group queue.g
      share-groups --delete --group queue.g
    `,
      { isSorted: true },
    );
  },
};
