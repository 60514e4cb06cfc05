// Package hub knows who is here: which user has which connections on this node.
//
// A connection enters pending, when its ticket was verified, and opens when a route
// has confirmed it. While it is pending it counts as here in every answer, but is
// sent nothing. The newest place of each log that has something for it is
// remembered, so that it learns at opening what it has to fetch.
//
// Users are sharded by their ids, and groups by theirs. A shard's lock is held only
// to look up and copy pointers. Peers are called after it was released. Entries
// that come together in a group's log are one batch for all connections that lack
// nothing of the log. Where two locks nest, the users' lock comes first.
//
// A membership costs 16 bytes and the spare room of slices: a place in the group's
// list and one in the entry's. The group of everyone costs nothing, because it is
// simply all entries. There are no goroutines.
package hub
