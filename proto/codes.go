package proto

import (
	"maps"
	"net/http"
	"slices"
)

// Code says what went wrong, in a frame, as a WebSocket close code, and in the
// body of an HTTP answer. Its range tells a client what to do, so that a client
// that does not know a code still does the right thing: see Retry.
type Code int32

// OK is the only code that is not an error.
const OK Code = 0

// Come back now: log in again at once.
const (
	GoingAway      Code = 4000 // the node drains or stops
	TicketExpired  Code = 4001 // two minutes were not enough
	WrongNode      Code = 4002 // the ticket names another node
	SessionUnknown Code = 4003 // the number was closed; a new login gets a new one
	LoginTimeout   Code = 4004 // the first frame did not come in time
	Silent         Code = 4005 // no frame for longer than the node waits
)

// Come back later: the same request may succeed after a pause.
//
// A message that a node answers with Unknown is to be sent again before anything
// else: until then the node answers so to all that the connection sends, or
// what was written behind it would overtake it. A client that gave all of those up
// says heard in its next SEND instead, once it has the answer to each SEND. One that
// does neither for three seconds and still sends has its connection closed with
// Unavailable.
const (
	Full        Code = 4100 // the node is above its capacity; avoid it
	Unavailable Code = 4101 // the store, the route or the node behind it is away
	Overloaded  Code = 4102 // too much at once; honour Retry-After
	TooSlow     Code = 4103 // the connection took no byte for too long
	NoNode      Code = 4104 // no node is serving
	Unknown     Code = 4105 // whether it was stored is not known: send again with the same id
	NotOpened   Code = 4106 // no route confirmed the connection in time
)

// Do not come back: the same request will fail again.
const (
	Replaced      Code = 4200 // a newer connection of the device is the live one
	LoggedOut     Code = 4201 // the device logged out
	BadFrame      Code = 4202 // a frame could not be decoded, or its command is not for this side
	FrameTooLong  Code = 4203 // a frame is longer than the limit
	NotLogin      Code = 4204 // the first frame was not a login
	BadTicket     Code = 4205 // the ticket is not one of ours
	Rejected      Code = 4206 // the device is connected elsewhere and repeat logins are rejected
	Unauthorized  Code = 4207 // no token, or one that is not ours or has expired
	WrongPassword Code = 4208 // the password does not match the account
	Invalid       Code = 4209 // an argument is missing or out of range
	TooLarge      Code = 4210 // a body or a text is longer than the limit
	UnknownUser   Code = 4211 // no such account
	NameTaken     Code = 4212 // the name belongs to an account with another password
	UnknownGroup  Code = 4213 // no such group
	NotMember     Code = 4214 // who asks is not a member of the group
	Diverged      Code = 4215 // the position is not in this log: resume from an earlier one
	NotFound      Code = 4216 // no such path
	TooLate       Code = 4217 // the delayed message is being sent, or was
	NotScheduled  Code = 4218 // no such delayed message
	TooMany       Code = 4219 // as many delayed messages are pending as a user may have
	NotCreator    Code = 4220 // who asks did not make the group
	Removed       Code = 4221 // who asks was removed from the group, and has to be added again
	Crowded       Code = 4222 // other devices of the user came, and there is no room for this one
	IDReused      Code = 4223 // the sender used the message's id for another one, which stands
)

// Retry is what a client does after a code.
type Retry int

const (
	RetryNow   Retry = iota // log in again at once, choosing around the node that failed
	RetryLater              // wait first
	RetryNever              // tell the user
)

// Retry derives what to do from the code's range alone. Codes outside every
// range come from a broken peer and are treated as RetryLater. OK asks for
// nothing: check for it first.
func (c Code) Retry() Retry {
	switch {
	case c >= 4000 && c < 4100:
		return RetryNow
	case c >= 4200 && c < 4300:
		return RetryNever
	default:
		return RetryLater
	}
}

// facts of a code that people and HTTP see.
type facts struct {
	name   string // stable, for logs and metrics
	status int    // HTTP
	text   string // a sentence for people
}

var known = map[Code]facts{
	OK: {"ok", http.StatusOK, "Done."},

	GoingAway:      {"going-away", http.StatusServiceUnavailable, "This node is leaving."},
	TicketExpired:  {"ticket-expired", http.StatusUnauthorized, "The ticket has expired."},
	WrongNode:      {"wrong-node", http.StatusMisdirectedRequest, "The ticket is for another node."},
	SessionUnknown: {"session-unknown", http.StatusConflict, "The session is closed."},
	LoginTimeout:   {"login-timeout", http.StatusRequestTimeout, "No login came in time."},
	Silent:         {"silent", http.StatusRequestTimeout, "Nothing was heard for too long."},

	Full:        {"full", http.StatusServiceUnavailable, "This node is full."},
	Unavailable: {"unavailable", http.StatusServiceUnavailable, "The service is not available at the moment."},
	Overloaded:  {"overloaded", http.StatusTooManyRequests, "Too much at once."},
	TooSlow:     {"too-slow", http.StatusRequestTimeout, "The connection takes nothing."},
	NoNode:      {"no-node", http.StatusServiceUnavailable, "No node is serving."},
	Unknown:     {"unknown", http.StatusGatewayTimeout, "Whether it was stored is not known; send it again with the same id."},
	NotOpened:   {"not-opened", http.StatusServiceUnavailable, "No route confirmed the connection in time."},

	Replaced:      {"replaced", http.StatusConflict, "A newer connection of this device took over."},
	LoggedOut:     {"logged-out", http.StatusUnauthorized, "The device logged out."},
	BadFrame:      {"bad-frame", http.StatusBadRequest, "The frame cannot be decoded."},
	FrameTooLong:  {"frame-too-long", http.StatusRequestEntityTooLarge, "The frame is longer than the limit."},
	NotLogin:      {"not-login", http.StatusBadRequest, "The first frame must be a login."},
	BadTicket:     {"bad-ticket", http.StatusUnauthorized, "The ticket is not valid."},
	Rejected:      {"rejected", http.StatusConflict, "The device is already connected."},
	Unauthorized:  {"unauthorized", http.StatusUnauthorized, "A valid token is needed."},
	WrongPassword: {"wrong-password", http.StatusUnauthorized, "The password does not match."},
	Invalid:       {"invalid", http.StatusBadRequest, "An argument is not valid."},
	TooLarge:      {"too-large", http.StatusRequestEntityTooLarge, "The body is longer than the limit."},
	UnknownUser:   {"unknown-user", http.StatusNotFound, "There is no such user."},
	NameTaken:     {"name-taken", http.StatusConflict, "The name belongs to somebody else."},
	UnknownGroup:  {"unknown-group", http.StatusNotFound, "There is no such group."},
	NotMember:     {"not-member", http.StatusForbidden, "Only members of the group may do that."},
	Diverged:      {"diverged", http.StatusConflict, "The log does not have that position."},
	NotFound:      {"not-found", http.StatusNotFound, "There is no such path."},
	TooLate:       {"too-late", http.StatusConflict, "It is too late: the message is being sent, or was."},
	NotScheduled:  {"not-scheduled", http.StatusNotFound, "There is no such delayed message."},
	TooMany:       {"too-many", http.StatusConflict, "Too many messages are waiting to be sent."},
	NotCreator:    {"not-creator", http.StatusForbidden, "Only who made the group may do that."},
	Crowded:       {"crowded", http.StatusConflict, "You have too many devices. A newer one took the place of this one."},
	Removed:       {"removed", http.StatusForbidden, "You were removed from the group. Who made it can add you again."},
	IDReused:      {"id-reused", http.StatusConflict, "The id of this message was used for another one before. That one stands; this one needs an id of its own."},
}

// String returns the code's stable name, for logs and metric labels; all codes
// that are not known share "code-other", so that a peer cannot invent labels.
func (c Code) String() string {
	if f, ok := known[c]; ok {
		return f.name
	}
	return "code-other"
}

// HTTPStatus returns the status an HTTP answer with this code has: 500 for a code
// that is not known.
func (c Code) HTTPStatus() int {
	if f, ok := known[c]; ok {
		return f.status
	}
	return http.StatusInternalServerError
}

// Text returns a sentence for people, without details of the case.
func (c Code) Text() string {
	if f, ok := known[c]; ok {
		return f.text
	}
	return "Something went wrong."
}

// Codes lists every code in ascending order, for metrics that are present at zero
// and for docs.
func Codes() []Code { return slices.Sorted(maps.Keys(known)) }

// Error is a code and a sentence for the peer. errors.As finds it in what wraps
// it; errors.Is with Err(code, "") asks for the code alone.
type Error struct {
	Code    Code
	Message string // a sentence for the peer; empty means Code.Text()
}

// Err returns an *Error; an empty message stands for the code's own sentence.
func Err(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// Error returns the message, or the code's own sentence when there is none.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.Text()
	}
	return e.Message
}

// Is makes errors.Is(err, proto.Err(code, "")) true for every error of the code;
// a target with a message matches that message only.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}
