// Package role says who may do what: with which role in a group, and with which role in
// the system. It is the only place with these rules. Package record keeps the roles, and
// asks this package before it changes anything. ROLES.md in package routefn is the page
// for users.
//
// All functions are pure.
package role
