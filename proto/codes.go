package proto

import (
	"maps"
	"net/http"
	"slices"
)

// Code is an error code in a frame, as a WebSocket close code, and in the body of an HTTP
// answer. Its range tells a client what to do, also for codes that the client does not
// know. See Retry.
type Code int32

// OK is the only code that is not an error.
const OK Code = 0

// Retry now: log in again at once.
const (
	GoingAway      Code = 4000 // the node drains or stops
	TicketExpired  Code = 4001 // the ticket is older than two minutes
	WrongNode      Code = 4002 // the ticket is for another node
	SessionUnknown Code = 4003 // the session's number was closed; a new login gets a new number
	LoginTimeout   Code = 4004 // the first frame did not come in time
	Silent         Code = 4005 // no frame came for longer than the node waits
)

// Retry later: the same request may succeed after a pause.
//
// If a node answers a message with Unknown, the client must send it again before it
// sends others. Until then the node answers Unknown to every message of the connection,
// because a later message would overtake the first one. A client may drop all these
// messages instead. Then it waits until each SEND is answered, and sets heard in its
// next SEND. If a client does neither for three seconds and still sends, the node
// closes the connection with Unavailable.
const (
	Full        Code = 4100 // the node is above its capacity; avoid it
	Unavailable Code = 4101 // the store, the route or the node does not answer
	Overloaded  Code = 4102 // too many requests; honour Retry-After
	TooSlow     Code = 4103 // for too long, the peer accepted no bytes
	NoNode      Code = 4104 // no node is serving
	Unknown     Code = 4105 // the message may be stored or not; send it again with the same id
	NotOpened   Code = 4106 // no route confirmed the connection in time
	Limited     Code = 4107 // the account or the group has used up its rate; nothing was stored; honour Retry-After
)

// Do not retry: the same request will fail again.
const (
	Replaced      Code = 4200 // a newer connection of the device is the live one
	LoggedOut     Code = 4201 // the device logged out
	BadFrame      Code = 4202 // a frame could not be decoded, or its command is not for this side
	FrameTooLong  Code = 4203 // a frame is longer than the limit
	NotLogin      Code = 4204 // the first frame was not a login
	BadTicket     Code = 4205 // no key of this cluster signed the ticket
	Rejected      Code = 4206 // the device is connected elsewhere and repeat logins are rejected
	Unauthorized  Code = 4207 // there is no token, or it is invalid or has expired
	WrongPassword Code = 4208 // the password does not match the account
	Invalid       Code = 4209 // an argument is missing or out of range
	TooLarge      Code = 4210 // a body or a text is longer than the limit
	UnknownUser   Code = 4211 // no such account
	NameTaken     Code = 4212 // the name belongs to an account with another password
	UnknownGroup  Code = 4213 // no such group
	NotMember     Code = 4214 // the caller is not a member of the group
	Diverged      Code = 4215 // the position is not in this log: resume from an earlier one
	NotFound      Code = 4216 // no such path
	TooLate       Code = 4217 // the delayed message is being sent, or was sent
	NotScheduled  Code = 4218 // no such delayed message
	TooMany       Code = 4219 // the user has the largest allowed number of pending delayed messages
	NotCreator    Code = 4220 // the caller's role in the group does not allow to change that membership or role
	Removed       Code = 4221 // the caller was removed from the group, and must be added again
	Crowded       Code = 4222 // the user has too many newer devices, so this device was forgotten
	IDReused      Code = 4223 // the sender used the message's id for another message, which is kept
	NeedsTLS      Code = 4224 // the connection is plain, and the server takes TLS only (-tls-only)
	NewReceivers  Code = 4228 // the account wrote to too many users for the first time; the caller may try again after Retry-After
	SessionEnded  Code = 4225 // the session was ended from another device, by a new password, or because its token was stolen
	Forbidden     Code = 4230 // the caller's role does not allow it
	ForeignPage   Code = 4226 // a web page of another site may not call
	ForeignHost   Code = 4227 // the program is not known by the name in Host
	Blocked       Code = 4231 // the other user has blocked the caller; nothing was stored
	ContactsOnly  Code = 4232 // the receiver takes messages from contacts only; nothing was stored
	NoContact     Code = 4233 // there is no such contact, or no such request
	NoInvitation  Code = 4234 // the caller is not invited to the group, or the invitation is no longer valid
	InboxFull     Code = 4229 // the receiver's inbox has no place left for the sender; nothing was stored; the caller may try again much later

	// UnknownMessage is the code for a message that is not kept, and for one that the
	// caller may not read. So nobody learns which messages others have.
	UnknownMessage Code = 4235
	UnknownReport  Code = 4236 // there is no such report any more
	Decided        Code = 4237 // another moderator has decided about the report, or the caller has made another decision
	TooOld         Code = 4238 // the message was first sent so long ago that nobody knows whether it is stored; this request stored nothing
)

// Retry says what a client has to do after a code.
type Retry int

const (
	RetryNow   Retry = iota // log in again at once, and avoid the node that failed
	RetryLater              // retry after a pause
	RetryNever              // tell the user
)

// Retry returns what a client has to do after the code, from the code's range alone. A
// code outside of all ranges comes from a broken peer, and the result is RetryLater.
// Check for OK before the call.
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

// facts has the properties of a code.
type facts struct {
	name   string // stable, for logs and metrics
	status int    // of HTTP
	text   string // a sentence for people
}

var known = map[Code]facts{
	OK: {"ok", http.StatusOK, "Done."},

	GoingAway:      {"going-away", http.StatusServiceUnavailable, "This node is leaving."},
	TicketExpired:  {"ticket-expired", http.StatusUnauthorized, "The ticket has expired."},
	WrongNode:      {"wrong-node", http.StatusMisdirectedRequest, "The ticket is for another node."},
	SessionUnknown: {"session-unknown", http.StatusConflict, "The session is closed."},
	LoginTimeout:   {"login-timeout", http.StatusRequestTimeout, "No login came in time."},
	Silent:         {"silent", http.StatusRequestTimeout, "No frame came for too long."},

	Full:        {"full", http.StatusServiceUnavailable, "This node is full."},
	Unavailable: {"unavailable", http.StatusServiceUnavailable, "The service is not available at the moment."},
	Overloaded:  {"overloaded", http.StatusTooManyRequests, "There are too many requests."},
	TooSlow:     {"too-slow", http.StatusRequestTimeout, "The connection accepts no data."},
	NoNode:      {"no-node", http.StatusServiceUnavailable, "No node is serving."},
	Unknown:     {"unknown", http.StatusGatewayTimeout, "The message may be stored or not. Send it again with the same id."},
	NotOpened:   {"not-opened", http.StatusServiceUnavailable, "No route confirmed the connection in time."},
	Limited:     {"limited", http.StatusTooManyRequests, "You do this too often. Wait a moment."},

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
	NameTaken:     {"name-taken", http.StatusConflict, "The name belongs to another user."},
	UnknownGroup:  {"unknown-group", http.StatusNotFound, "There is no such group."},
	NotMember:     {"not-member", http.StatusForbidden, "Only members of the group may do that."},
	Diverged:      {"diverged", http.StatusConflict, "The log does not have that position."},
	NotFound:      {"not-found", http.StatusNotFound, "There is no such path."},
	TooLate:       {"too-late", http.StatusConflict, "It is too late. The message is being sent, or was sent."},
	NotScheduled:  {"not-scheduled", http.StatusNotFound, "There is no such delayed message."},
	TooMany:       {"too-many", http.StatusConflict, "Too many messages are waiting to be sent."},
	NotCreator:    {"not-creator", http.StatusForbidden, "Only the owner and the admins of the group may do that."},
	Crowded:       {"crowded", http.StatusConflict, "You have too many devices. A newer one took the place of this one."},
	Removed:       {"removed", http.StatusForbidden, "You were removed from the group. Its owner or an admin can add you again."},
	SessionEnded:  {"session-ended", http.StatusUnauthorized, "This session was ended. Log in again."},
	IDReused:      {"id-reused", http.StatusConflict, "Another message with this id was stored before. This one needs an id of its own."},
	NewReceivers:  {"new-receivers", http.StatusTooManyRequests, "You wrote to many people for the first time. Wait before you write to more."},
	InboxFull:     {"inbox-full", http.StatusTooManyRequests, "The inbox is full. Its owner must read before you can write more."},
	Blocked:       {"blocked", http.StatusForbidden, "This user has blocked you."},
	ContactsOnly:  {"contacts-only", http.StatusForbidden, "This user takes messages from contacts only. Ask to be one."},
	NoContact:     {"no-contact", http.StatusNotFound, "There is no such contact, and no such request."},
	NoInvitation:  {"no-invitation", http.StatusNotFound, "There is no such invitation, or it does not hold any more."},
	NeedsTLS:      {"needs-tls", http.StatusForbidden, "This server takes TLS only (-tls-only)."},
	Forbidden:     {"forbidden", http.StatusForbidden, "Your role does not allow that."},
	ForeignPage:   {"foreign-page", http.StatusForbidden, "A page of this origin may not call. See -allow-origin."},
	ForeignHost:   {"foreign-host", http.StatusForbidden, "The program is not known by this host. See -allow-host."},

	UnknownMessage: {"unknown-message", http.StatusNotFound, "There is no such message that you may read, or it is not kept any more."},
	UnknownReport:  {"unknown-report", http.StatusNotFound, "There is no such report any more."},
	Decided:        {"decided", http.StatusConflict, "This report was decided already."},
	TooOld:         {"too-old", http.StatusConflict, "This message was first sent too long ago. Perhaps it is stored. Look for it before you send it under a new id."},
}

// String returns the code's stable name, for logs and metric labels. All unknown codes
// have the name "code-other", so that a peer cannot create labels.
func (c Code) String() string {
	if f, ok := known[c]; ok {
		return f.name
	}
	return "code-other"
}

// HTTPStatus returns the status of an HTTP answer with this code. It is 500 for an
// unknown code.
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

// Codes returns all codes in ascending order. Metrics use it to start all codes at zero.
func Codes() []Code { return slices.Sorted(maps.Keys(known)) }

// Error is a code and a sentence for the peer. errors.Is(err, Err(code, "")) compares the
// code alone.
type Error struct {
	Code    Code
	Message string // a sentence for the peer; empty means Code.Text()
}

// Err returns an *Error. An empty message means the code's own sentence.
func Err(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// Error returns the message, or the code's own sentence if the message is empty.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.Text()
	}
	return e.Message
}

// Is makes errors.Is(err, proto.Err(code, "")) return true for every error with the code.
// If the target has a message, the message must be equal, too.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}
