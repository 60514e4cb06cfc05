// Package sourceip bounds what strangers at one address may take before they have
// proved who they are.
//
// An address says little: thousands of people stand behind one carrier's, and one
// host has 2^64 of its own with IPv6. So a connection or request with a valid ticket
// or token does not count against its address. An IPv6 address counts as its /64
// block, the smallest that a network gives to one customer (RFC 6177).
//
// A [Limiter] counts what an address holds: connections, and requests whose bodies are
// still coming. It lives in one process and shares nothing with others. [Proxies] are
// believed about the addresses of their clients.
package sourceip
