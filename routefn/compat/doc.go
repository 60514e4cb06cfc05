// Package compat has the HTTP requests of CIM's clients. It translates them to the requests
// of package user and to messages, and the answers to CIM's envelope and codes (format.go).
// CIM's clients prove nothing, so package routefn mounts them in open mode only.
//
// CIM has no ids of messages: a repeated request is another message, as it is with CIM. A
// message that is refused for good is also reported on its sender's connection, because
// CIM's client shows the code to nobody (refused.go).
package compat
