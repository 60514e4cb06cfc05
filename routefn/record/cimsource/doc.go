// Package cimsource reads the data of CIM's own routes from their Redis, to import them. It
// writes nothing. Their keys are
//
//	cim-account:USER        the name
//	NAME                    "cim-account:USER"
//	offline:msg:user:USER   list: ids of the messages that wait for the user, oldest first
//	offline:msg:ID the message, JSON, mostly within a JSON string; it expires after some days
//
// It does not read the keys cim-route:USER and login-status, which are about present
// connections.
package cimsource
