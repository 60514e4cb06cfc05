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
//   - A token is a MAC over user, device, number and expiry. No node ever sees one. It
//     spares the password at a reconnect.
//
// What is issued here is judged in two places. The keys say who made it. The store says
// whether it still counts: it expires by the store's clock, which gave it its number, and
// is void once its device has logged out. So no clock of a route or a node lets anybody
// in or keeps anybody out. Tokens of before they had a number count until their device
// logs out.
package token
