// Package token issues and verifies a user's credentials. These are a ticket for one
// node, a proof for that node's reports about the user, and tokens for the route. The
// package does no I/O, and has no clock and no state except keys.
//
// Five keys are derived from one route key, which only routes have:
//
//   - A ticket is signed with Ed25519. Nodes have only the public key. So a node can
//     verify a ticket by itself, and cannot make one.
//   - A proof is a MAC over user, device, number and node. It is a part of the ticket. A
//     node sends it with everything that it reports or sends for the connection. Only
//     routes can check it. If processes have certificates (package cert), a proof ends
//     after ProofLife, and a node gets another one while the session is live there. So a
//     compromised node can act only for the live sessions that it holds, and for two
//     minutes more. Without certificates, a proof does not end, and any process that has
//     the cluster key can use it.
//   - A token is a MAC over user, device, number and expiry. No node ever gets one. It
//     replaces the password at a reconnect.
//   - A refresh token is such a MAC, too. With it a device gets its next access token,
//     which is a token of ten minutes, and its next refresh token.
//   - A digest is a MAC over a value that routes must recognise but do not store in the
//     clear, such as an address.
//
// This package checks only which key made a credential. The store decides whether the
// credential is still valid. The number in a credential contains the time of issue by the
// store's clock, and the credential expires by that clock, too. A credential is invalid
// after its device has logged out. So a wrong clock of a route or a node does not admit or
// exclude any user. Tokens of early versions, which have no number, are valid until their
// device logs out.
package token
