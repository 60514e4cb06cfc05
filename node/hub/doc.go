// Package hub knows who is here: which user has which connections on this node.
//
// A connection enters pending, when its ticket was verified, and opens when a
// route confirmed it. While it is pending it is here in every answer, but is
// sent nothing: what comes for it is remembered as the newest place of its log,
// so that it learns at opening what it has to fetch.
//
// Everything is sharded by user. A shard's lock is held for looking up and
// copying pointers only; peers are called after it was released. Groups cost
// nothing here: everyone is simply all entries. There are no goroutines.
package hub
