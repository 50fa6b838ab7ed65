// An extension that knows nothing of Gemtap: it asks a model in each way that extensions have, and writes what it saw.

const fs = require("node:fs");
const https = require("node:https");

const url = process.env.ASK_URL;
const headers = { "content-type": "application/json", "x-goog-api-key": "canary" };
const body = JSON.stringify({ contents: [{ parts: [{ text: "hello" }] }] });

function withHttps() {
  return new Promise((resolve, reject) => {
    const request = https.request(url, { method: "POST", headers }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function withFetch() {
  const answer = await fetch(url, { method: "POST", headers, body });
  await answer.text();
  return answer.status;
}

exports.activate = async () => {
  const seen = {};
  for (const [name, ask] of Object.entries({ fetch: withFetch, https: withHttps })) {
    try {
      seen[name] = await ask();
    } catch (error) {
      seen[name] = `${error} ${error.cause}`;
    }
  }
  fs.writeFileSync(`${process.env.ASK_OUT}.new`, JSON.stringify(seen));
  fs.renameSync(`${process.env.ASK_OUT}.new`, process.env.ASK_OUT);
};
