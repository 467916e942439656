// Files a report knowing nothing but the server's reflection and how a call is signed:
//   npm install && node report.mjs        (beside a running `make up`)
import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import grpc from "@grpc/grpc-js";
import { GrpcReflection } from "grpc-js-reflection-client";

const { origin, services, ca } = JSON.parse(readFileSync(process.argv[2] ?? "../../.harbourlight/endpoints.json"));
const tls = grpc.credentials.createSsl(readFileSync(ca));
const service = "harbourlight.reporting.v1.ReportingService";
const root = (await new GrpcReflection(services.reporting, tls).getDescriptorBySymbol(service)).getProtobufJsRoot();
const [Request, Response] = ["Request", "Response"].map((s) => root.lookupType(`harbourlight.reporting.v1.SubmitReport${s}`));

// The handle: 80 bits of the public key's hash in Crockford base32, and a check symbol.
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const key = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
const number = BigInt("0x" + createHash("sha256").update(key).digest("hex").slice(0, 20));
const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";
const digits = Array.from({ length: 16 }, (_, n) => symbols[Number((number >> BigInt(75 - 5 * n)) & 31n)]).join("");
const handle = `HL-${digits}${symbols[Number(number % 37n)]}`;

const facts = { country: "MY", sector: "ISIC_C", exploitation_type: 1, child_involved: 2, indicators: ["DEBT_BONDAGE"] };
const bytes = Buffer.from(Request.encode(Request.fromObject({ request_id: randomUUID(), handle, facts })).finish());

const [method, time, nonce] = [`/${service}/SubmitReport`, String(Date.now()), randomBytes(16).toString("base64url")];
const hash = createHash("sha256").update(bytes).digest("hex");
const text = ["harbourlight.call.v1", origin, method, handle, time, nonce, hash].map((line) => line + "\n").join("");
const metadata = new grpc.Metadata();
metadata.set("harbourlight-key", key.toString("base64url"));
metadata.set("harbourlight-time", time);
metadata.set("harbourlight-nonce", nonce);
metadata.set("harbourlight-signature", sign(null, Buffer.from(text), privateKey).toString("base64url"));

const client = new grpc.Client(services.reporting, tls);
client.makeUnaryRequest(method, (b) => b, (b) => Response.decode(b), bytes, metadata, (error, answer) => {
  console.log(error ? `refused: ${error.details}` : JSON.stringify(Response.toObject(answer, { enums: String, longs: Number }), null, 1));
  process.exitCode = error ? 1 : 0;
  client.close();
});
