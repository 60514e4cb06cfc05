// Package cimsource reads the data of CIM's own routes from their Redis, to import them. It
// writes nothing. Their keys are
//
//	cim-account:USER        the name
//	NAME                    "cim-account:USER"
//	offline:msg:user:USER   list: ids of the messages that wait for the user, oldest first
//	offline:msg:ID          the message, JSON, mostly within a JSON string; days to live
//
// The keys cim-route:USER and login-status, about present connections, are not read.
package cimsource
