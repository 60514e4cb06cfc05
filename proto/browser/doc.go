// Package browser keeps web pages from calling a program in the name of the user who
// looks at them.
//
// A browser sends requests for every page that it shows, also to this machine and to
// networks that only the user can reach. Two headers tell such requests apart, and no page
// can forge them. Host has the name by which the page knows the program: a name that a
// stranger resolves to this machine (DNS rebinding) is none of the program's own. Origin
// has the site that the page is from.
//
// A [Guard] refuses requests whose Host or Origin is foreign, before anything reads them,
// and answers pages of allowed origins as CORS demands. Programs that are no browsers send
// no Origin, and the right Host.
package browser
