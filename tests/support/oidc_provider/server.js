// A certified OpenID provider for tests. Settings come as JSON in SETTINGS: the client, accounts by login, and its own configuration.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const settings = JSON.parse(process.env.SETTINGS);
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [settings.client],
    claims: { openid: ['sub', 'auth_time'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'groups'],
    cookies: { keys: ['for tests only'] },
    async findAccount(_, login) {
      return { accountId: login, claims: async () => ({ sub: login, ...settings.accounts[login] }) };
    },
    ...settings.configuration,
  });
  server.on('request', provider.callback());
  process.stdout.write(`${issuer}\n`);
});
