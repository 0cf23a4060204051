// fast-jwt decodes tokens and checks iss, aud and exp. Reads a job as one line of JSON from standard
// input, and prints one: the microseconds of processor time for a token, the median of the batches.
const crypto = require("crypto");
const { createVerifier } = require("fast-jwt");

function verifier(job, cache) {
  const key = job.pem;
  return createVerifier({
    key,
    cache,
    algorithms: ["RS256"],
    allowedAud: job.audience,
    allowedIss: job.issuer,
    requiredClaims: ["exp", "iss", "aud"],
  });
}

function bare(job) {
  const key = crypto.createPublicKey(job.pem);
  return (part) => {
    if (!crypto.verify("sha256", part.message, key, part.signature)) throw new Error("forged");
  };
}

function separated(token) {
  const end = token.lastIndexOf(".");
  return { message: Buffer.from(token.slice(0, end)), signature: Buffer.from(token.slice(end + 1), "base64url") };
}

function median(values) {
  const sorted = values.slice().sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The first half of the batches lets the compiler see the work.
function cost(work, items, batches) {
  const size = Math.floor(items.length / (2 * batches));
  const costs = [];
  for (let batch = 0; batch < 2 * batches; batch++) {
    const part = items.slice(batch * size, (batch + 1) * size);
    const started = process.cpuUsage();
    for (const item of part) work(item);
    const used = process.cpuUsage(started);
    costs.push((used.user + used.system) / part.length);
  }
  return median(costs.slice(batches));
}

function main(job) {
  if (job.subject) {
    console.log(JSON.stringify({ subject: verifier(job, false)(job.tokens[0]).sub }));
    return;
  }
  const repeated = job.tokens.map(() => job.tokens[0]);
  const costs = {
    "fast-jwt, bare verify": cost(bare(job), job.tokens.map(separated), job.batches),
    "fast-jwt, fresh": cost(verifier(job, false), job.tokens, job.batches),
    "fast-jwt, seen": cost(verifier(job, true), repeated, job.batches),
  };
  console.log(JSON.stringify(costs));
}

try {
  main(JSON.parse(require("fs").readFileSync(0, "utf8")));
} catch (error) {
  console.error(`${error.name} ${error.code}: ${error.message}`);
  process.exitCode = 1;
}
