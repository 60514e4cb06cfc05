// Package seed follows the members of the cluster over HTTP. Every node serves the
// members that it knows by a [Handler]. A [Client] requests them from one node. The
// client is for processes that can neither gossip nor hold a session, such as functions.
// It has no goroutine and no timer, and makes its requests within a call of View.
//
// # The wire
//
//	GET /members          If-None-Match: "etag"
//	200 [sealed, ...]     ETag: "etag", Cim-Loads: ...
//	304                   ETag: "etag", Cim-Loads: ...
//	503 reason            the node has not found its cluster; try another one
//
// The body is the members sorted by id, each a [ring.Sealed]. The ETag covers the whole
// body except for the loads, which change much more often. So both kinds of answers have
// all loads in the header Cim-Loads. Its value is base64. It has a MAC of 16 bytes over
// the ETag and the loads, and then one byte per member in the body's order.
//
// For 1,000 members Cim-Loads has 1.4 kB, and the body would have 500 kB. A follower that
// makes a request every second or two has loads as fresh as the node's own. A reader that
// ignores the header gets the loads in the body, which are as old as the body.
//
// # Authentication
//
// Members and loads have MACs under the cluster key. So a forged answer can omit members,
// but cannot add or change one. The client drops and counts members without a valid MAC.
package seed
