// Package token issues and verifies what lets a user in: a ticket for one node,
// a proof for what that node reports of him, and a token for the route. It is
// pure: no I/O, no clock of its own, no state but keys.
//
// Three secrets are derived from one route key that only routes hold:
//
//   - A ticket is signed with Ed25519. Nodes hold the public key only, so they
//     verify a ticket without asking anyone and can make none.
//   - A proof is a MAC over user, device, number and node, and travels inside the
//     ticket. A node hands it back with everything it reports or sends for the
//     connection, and only routes can check it: a node that was broken into can
//     act for those who came to it, as the node they came to, and for nobody else.
//   - A token is a MAC over user, device and expiry. No node ever sees one. It
//     spares the password at a reconnect.
package token
