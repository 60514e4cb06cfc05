// Package browser keeps foreign web pages from making a user's browser call a program in
// the user's name.
//
// A browser sends requests for every page that it shows, also to this machine and to
// networks that only the user can reach. Two headers, which no page can forge, show
// such requests. Host has the name by which the page calls the program. If a stranger
// makes a name of their own resolve to this machine (DNS rebinding), Host has that
// name, and the program has no such name. Origin has the site from which the page
// comes.
//
// A [Guard] refuses requests whose Host or Origin is foreign, before anything reads
// them, and answers pages of allowed origins as CORS demands. Programs other than
// browsers send no Origin, and send the right Host.
package browser
