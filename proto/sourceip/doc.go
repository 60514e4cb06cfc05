// Package sourceip bounds how many connections and requests strangers at one address
// may have before they have proved who they are.
//
// An address says little about a peer. Thousands of people share one address of a
// carrier, and with IPv6 one host has 2^64 addresses of its own. So a connection or
// request with a valid ticket or token does not count against its address. An IPv6
// address counts as its /64 block, the smallest block that a network gives to one
// customer (RFC 6177).
//
// A [Limiter] counts the connections of an address, and its requests whose bodies are
// still coming. It counts in one process only. A request may name the address of its
// client. That address counts only if one of the [Proxies] sent the request.
package sourceip
