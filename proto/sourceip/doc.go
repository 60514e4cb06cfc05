// Package sourceip bounds how many connections and requests strangers at one address
// may have before they have proved who they are.
//
// An address says little: thousands of people share one address of a carrier, and one
// host has 2^64 addresses of its own with IPv6. So a connection or request with a valid
// ticket or token does not count against its address. An IPv6 address counts as its /64
// block, the smallest block that a network gives to one customer (RFC 6177).
//
// A [Limiter] counts the connections of an address, and its requests whose bodies are
// still coming. It counts in one process only. The address of a client is believed only
// if one of the [Proxies] names it.
package sourceip
