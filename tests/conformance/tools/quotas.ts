/** Quotas of users, clients and addresses, as configs tells and sets them. */

import type { Scripts } from "./shell.ts";

/** Entities come in the order of a hash map. */
const table = { isSorted: true };

export const quotasScripts: Scripts = {
  "configs describes and alters quotas of users and clients": async (shell) => {
    const [user, client] = ["--entity-type users --entity-name ann.q", "--entity-type clients --entity-name app.q"];
    const both = `${user} ${client}`;
    await shell.run(
      `
      configs --describe ${user}
      configs --alter ${user} --add-config producer_byte_rate=1000000,consumer_byte_rate=2000000
      configs --alter ${client} --add-config request_percentage=150.5,controller_mutation_rate=9
      configs --alter ${both} --add-config producer_byte_rate=3000000
      configs --describe ${user}
      configs --describe ${client}
      configs --describe ${both}
      configs --describe --user ann.q
      configs --describe --client app.q
      configs --alter ${user} --delete-config consumer_byte_rate
      configs --describe ${user}
      configs --alter ${both} --delete-config producer_byte_rate
      configs --alter ${client} --delete-config request_percentage,controller_mutation_rate
      configs --alter ${user} --delete-config producer_byte_rate
      configs --describe ${user}
      configs --describe ${client}
      configs --describe ${both}
    `,
      table,
    );
    await shell.refuses(`
      configs --alter ${user} --add-config producer_byte_rate=-1
      configs --alter ${user} --add-config producer_byte_rate=0
      configs --alter ${user} --add-config producer_byte_rate=1.5
      configs --alter ${user} --delete-config producer_byte_rate
      configs --alter ${user} --add-config producer_byte_rate=much
      configs --alter ${user} --add-config unheard_of=1
      configs --alter ${user} --add-config connection_creation_rate=1
    `);
  },

  "configs describes and alters quotas of all, and of addresses": async (shell) => {
    const [users, clients] = ["--entity-type users --entity-default", "--entity-type clients --entity-default"];
    await shell.run(
      `
      configs --alter ${users} --add-config producer_byte_rate=1000000000
      configs --alter ${clients} --add-config consumer_byte_rate=1000000000
      configs --alter ${users} ${clients} --add-config request_percentage=10000
      configs --describe ${users}
      configs --describe ${clients}
      configs --describe ${users} ${clients}
      configs --describe --entity-type users
      configs --describe --entity-type clients
      configs --describe --entity-type users --entity-type clients
      configs --describe --user-defaults
      configs --describe --client-defaults
      configs --alter --user-defaults --add-config controller_mutation_rate=1000000
      configs --describe --user-defaults
      configs --alter --user-defaults --delete-config controller_mutation_rate
      configs --alter ${users} ${clients} --delete-config request_percentage
      configs --alter ${users} --delete-config producer_byte_rate
      configs --alter ${clients} --delete-config consumer_byte_rate
      configs --alter --entity-type ips --entity-name 10.1.2.3 --add-config connection_creation_rate=50
      configs --alter --entity-type ips --entity-default --add-config connection_creation_rate=1000
      configs --describe --entity-type ips
      configs --describe --entity-type ips --entity-name 10.1.2.3
      configs --describe --ip 10.1.2.3
      configs --describe --entity-type ips --entity-default
      configs --describe --ip-defaults
      configs --alter --entity-type ips --entity-name 10.1.2.3 --delete-config connection_creation_rate
      configs --alter --entity-type ips --entity-default --delete-config connection_creation_rate
      configs --describe --entity-type ips
    `,
      table,
    );
    await shell.refuses(`
      configs --alter --entity-type ips --entity-name 10.1.2.3 --add-config producer_byte_rate=1
      configs --alter --entity-type ips --entity-name no-address --add-config connection_creation_rate=1
    `);
  },
};
