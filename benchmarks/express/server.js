// The Express stack, configured as in the tutorials of its libraries: express-jwt with the keys that
// jwks-rsa fetches, and express-jwt-authz for the scope. Its routes and texts are those of app.py.
const express = require("express");
const { expressjwt } = require("express-jwt");
const jwtAuthz = require("express-jwt-authz");
const jwksRsa = require("jwks-rsa");

const { AUDIENCE, HOST, ISSUER_BASE_URL, JWKS_URI, PORT } = process.env;

const checkJwt = expressjwt({
  secret: jwksRsa.expressJwtSecret({ cache: true, rateLimit: true, jwksRequestsPerMinute: 5, jwksUri: JWKS_URI }),
  audience: AUDIENCE,
  issuer: ISSUER_BASE_URL,
  algorithms: ["RS256"],
});
const checkScopes = jwtAuthz(["read:messages"], { customUserKey: "auth" });

const app = express();

app.get("/api/public", (req, res) => {
  res.json({ message: "Hello from a public endpoint! You don't need a token to see this." });
});

app.get("/api/private-scoped", checkJwt, checkScopes, (req, res) => {
  res.json({
    message: "Hello from a private endpoint! Your token is valid and grants read:messages.",
    subject: req.auth.sub,
  });
});

app.listen(Number(PORT), HOST);
