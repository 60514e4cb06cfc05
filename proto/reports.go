package proto

// The reasons for which a user may report a message.
const (
	ReasonSpam    = "spam"
	ReasonAbuse   = "abuse"
	ReasonIllegal = "illegal"
	ReasonOther   = "other"
)

// The decisions by which a moderator closes a report. The note says what was done.
const (
	DecisionDismiss = "dismiss" // nothing is wrong with the message
	DecisionResolve = "resolve" // something was wrong, and the moderator has acted
)

// MaxReportNote is how long a note of a reporter or a moderator may be, in bytes.
const MaxReportNote = 500

// ReportMessage reports a message to the moderators. At is its place in the caller's
// inbox or in a group's log, with the key. The route takes the text from there. The
// code is UnknownMessage if the message is not kept, or if the caller may not read it.
// The code is TooMany if too many reports of the caller, or of all users, wait for a
// decision. Repeating the request changes nothing.
type ReportMessage struct {
	At     Position `json:"at"`
	Reason string   `json:"reason"`         // ReasonSpam or one like it
	Note   string   `json:"note,omitempty"` // at most MaxReportNote bytes
}

// MessageReported is empty.
type MessageReported struct{}

// Report is a message that users have reported, as moderators see it.
type Report struct {
	ID      string          `json:"id"`
	Message ReportedMessage `json:"message"`
	Users   int             `json:"users"` // how many users have reported it; at most 50 are counted
	// Statements has the reasons of the reporters, the oldest first. It does not name the
	// reporters.
	Statements []ReportStatement `json:"statements"`
}

// ReportedMessage is a message as the store had it when it was first reported.
type ReportedMessage struct {
	ID       string `json:"id"`
	From     int64  `json:"from"`
	FromName string `json:"fromName"`
	To       int64  `json:"to,omitempty"`    // receiving user; zero in a group's message
	Group    int64  `json:"group,omitempty"` // receiving group; zero in a private message
	Text     string `json:"text"`
	Time     int64  `json:"time"` // ms since 1970, when a route stored it
}

// ReportStatement is why a user has reported a message.
type ReportStatement struct {
	Reason string `json:"reason"`
	Note   string `json:"note,omitempty"`
	Time   int64  `json:"time"` // ms since 1970
}

// ReportsAnswer is one page of the open reports, the oldest first. The code is Forbidden
// unless the caller is a moderator or an operator.
type ReportsAnswer struct {
	Reports []Report `json:"reports"`
	Next    int64    `json:"next,omitempty"` // ?after= of the next page; zero: there is none
	Total   int64    `json:"total"`          // how many reports are open
}

// CloseReport closes a report. The code is Forbidden unless the caller is a moderator or
// an operator. The code is Decided if another moderator has closed it, or if the caller
// has closed it with another decision. The code is UnknownReport if the report does not
// exist any more. Repeating it is harmless.
type CloseReport struct {
	ID       string `json:"id"`
	Decision string `json:"decision"`       // DecisionDismiss or DecisionResolve
	Note     string `json:"note,omitempty"` // at most MaxReportNote bytes; DecisionResolve needs one
}

// ReportClosed is about the message on which the caller has decided. It names the author
// and the group of that message.
type ReportClosed struct {
	From  int64 `json:"from"`            // the author of the message
	Group int64 `json:"group,omitempty"` // the group to which it was written; zero: it was written to a user
}
