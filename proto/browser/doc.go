// Package browser keeps web pages from calling a program in the name of the user who
// looks at them.
//
// A browser sends requests for every page that it shows, also to this machine and to
// networks that only the user can reach. Two headers show such requests, and no page
// can forge them. Host has the name by which the page knows the program. If a stranger
// has made a name of their own resolve to this machine (DNS rebinding), that is not a
// name of the program. Origin has the site from which the page comes.
//
// A [Guard] refuses requests whose Host or Origin is foreign, before anything reads them,
// and answers pages of allowed origins as CORS demands. Programs that are no browsers send
// no Origin, and the right Host.
package browser
