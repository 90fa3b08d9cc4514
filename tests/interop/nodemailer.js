// SPDX-License-Identifier: ISC
// Sends the mail that its standard input describes; prints what the server answered.
const nodemailer = require('nodemailer');

let input = '';
process.stdin.on('data', (data) => { input += data; });
process.stdin.on('end', async () => {
  const { transport, mail } = JSON.parse(input);
  if (mail.raw) mail.raw = Buffer.from(mail.raw, 'base64');
  const { accepted, rejected } = await nodemailer.createTransport(transport).sendMail(mail);
  console.log(JSON.stringify({ accepted, rejected }));
});
