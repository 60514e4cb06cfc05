// Package hub knows who is here: which user has which connections on this node.
//
// A connection enters pending, when its ticket was verified, and opens when a
// route confirmed it. While it is pending it is here in every answer, but is
// sent nothing: what comes for it is remembered as the newest place of its log,
// so that it learns at opening what it has to fetch.
//
// Users are sharded by their ids, and groups by theirs. A shard's lock is held for
// looking up and copying pointers only; peers are called after it was released.
// What a group's log brings at once is one batch to all who lack nothing of it.
// Where two locks nest, the users' comes first. A membership costs 16 bytes and what
// slices keep to spare, a place in the group's list and one in the entry's;
// everyone costs nothing: it is simply all entries. There are no goroutines.
package hub
