// Package compat has the HTTP requests of CIM's clients. It translates them to calls of
// package user and to messages, and it translates the answers to CIM's envelope and codes
// (format.go). CIM's clients do not prove who they are, so package routefn serves these
// requests in open mode only.
//
// CIM's messages have no ids. So a repeated request stores another message, as in CIM
// itself. If a message is refused for good, the sender's connection gets a line about
// that. The reason is that CIM's client does not show the code of an answer (refused.go).
package compat
