// Package seed follows the members of the cluster over HTTP: any node serves
// what it knows with [Handler], and a [Client] asks one of them. It is for
// those who can neither gossip nor hold a session, such as functions: the
// client has no goroutine and no timer, and does its work within a call of
// View.
//
// # The wire
//
//	GET /members          If-None-Match: "etag"
//	200 [sealed, ...]     ETag: "etag", Cim-Loads: ...
//	304                   ETag: "etag", Cim-Loads: ...
//	503 reason            the node has not found its cluster: ask another
//
// The body is the members sorted by id, each a [ring.Sealed]. The ETag stands
// for all of it but the loads, which change far more often than anything else:
// so Cim-Loads, in both answers, has them all, one byte a member in the body's
// order, behind a MAC of 16 bytes over ETag and loads; all in base64. For 1,000
// members it is 1.4 kB where the body would be 500, and a follower that asks
// every second or two has loads as fresh as the node's own. A reader that does
// not know the header has the loads of the body, as old as its ETag.
//
// # What is believed
//
// Members and loads bear MACs under the cluster key, so whoever answers can
// hide members, but not invent or change one. A member without a valid MAC is
// dropped and counted.
package seed
