// Package order puts the entries of one log in order. It has no clock, does no I/O and
// takes no lock. Its caller does all of that.
//
// A Follower takes an entry that follows the last one, keeps an entry that comes early,
// and recognises a repeated one. If it cannot place an entry, it is in doubt and needs
// a page from a route. Due returns when to read that page. The caller then reads the
// page after the place that Ask returns, and calls one of Page, Diverged, Refused and
// Failed with the result.
//
// A store that fails over may lose a log's tail and use its numbers for other entries.
// So an entry is identified by its epoch, its number and its key. If a route does not
// know a place, Diverged goes back to earlier places until the route knows one. The
// next page then rewinds the Follower to that place. A Follower recognises an entry
// that it gets twice at one place. But a message that was stored twice has two places,
// and a Follower returns both entries. So a caller that must not show a message twice
// keeps the keys of messages that it has shown. Examples are the method Has of
// client.History, the method has in node/cim/catchup.go, and the function has in
// routefn/web/page/history.js.
//
// # Rules
//
// Each rule has a case in proto/vectors. mutations_test.go breaks each rule and checks
// that its case fails. The web page has the same functions in routefn/web/page/order.js.
package order
