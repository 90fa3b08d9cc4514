// SPDX-License-Identifier: ISC
// A web application: POST /sign-up {"address": ...} mails $CODE a little later, POST /confirm
// {"code": ...} takes 493817 alone. Prints its address.
const http = require("node:http");
const nodemailer = require("nodemailer");

const mailer = nodemailer.createTransport(
  { host: "localhost", port: Number(process.env.SMTP_PORT), requireTLS: true });

function answer(path, asked) {
  if (path !== "/sign-up") return asked.code === "493817" ? 200 : 403;
  const text = `Your code is ${process.env.CODE}. It is good for ten minutes.\n`;
  const mail = { from: "app@example.org", to: asked.address, subject: "Your code", text };
  setTimeout(() => mailer.sendMail(mail), 500);
  return 200;
}

const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  response.writeHead(answer(request.url, JSON.parse(body))).end();
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
