// Package hub knows who is here: which user has which connections on this node.
//
// A connection enters the hub as pending when its ticket was verified, and becomes open
// when a route has confirmed it. A pending connection counts as here in every answer to
// routes, but is sent nothing. For each log that has a new entry for it, the hub
// remembers the newest place. So the connection learns at its opening what it has to
// fetch.
//
// Users are sharded by their ids, and groups by the ids of groups. A shard's lock is held
// only to look up and copy pointers. The hub calls connections (Peer) only after it has
// released the lock. Messages of a group that come together are one batch for all
// connections that get all of them. Where two locks nest, the users' lock is taken first.
//
// A membership costs 16 bytes and the spare room of slices: one element in the group's
// list and one in the entry's. The group of everyone costs nothing, because it is
// simply all entries. There are no goroutines.
package hub
