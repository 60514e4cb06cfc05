// Package role has the rules about roles: what a user with a role in a group, or with a
// role in the system, may do. It is the only place with these rules. Package record
// stores the roles, and calls this package before it changes anything. ROLES.md in
// package routefn is the page for users.
//
// All functions are pure.
package role
