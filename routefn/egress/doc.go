// Package egress fetches the contents of URLs that come from outside, such as the URL with
// the keys of an identity provider. A URL must not make a route call a server in the
// route's own network:
//
//   - It is https, and its host is resolved here. If any address of the host is outside
//     the public Internet, nothing is called. [Config.Allow] names exceptions.
//   - The connection goes to an address that was checked. So an attacker gains nothing
//     if the name server answers differently the second time. No proxy is used.
//   - A redirect is an error. An answer is bounded in time and in size.
//
// The package starts no goroutines that outlive a call.
package egress
