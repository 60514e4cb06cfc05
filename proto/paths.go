package proto

import "time"

// Paths of the route for clients. Requests and answers are JSON. The method is POST,
// except where the comment has GET. A token is sent as "Authorization: Bearer ...". An
// answer other than 2xx has an ErrorAnswer.
const (
	PathRegister = "/v1/register" // RegisterRequest -> RegisterAnswer
	PathLogin    = "/v1/login"    // LoginRequest -> LoginAnswer
	PathRefresh  = "/v1/refresh"  // RefreshRequest -> RefreshAnswer
	PathLogout   = "/v1/logout"   // token; LogoutRequest -> LogoutAnswer
	PathSend     = "/v1/send"     // token; SendMessage -> SendReceipt
	PathPull     = "/v1/pull"     // token; PullMessages -> PulledMessages, or Page with the header Accept: application/x-protobuf
	PathAck      = "/v1/ack"      // token; AckPositions -> AckAnswer
	PathOnline   = "/v1/online"   // GET, token; ?after= &limit= &prefix= -> OnlineAnswer
	PathUser     = "/v1/user"     // GET, token; ?id= or ?name= -> User
	PathMembers  = "/v1/members"  // GET; the members of the ring, with an ETag

	PathSessions    = "/v1/sessions"     // GET, token -> SessionsAnswer
	PathSessionsEnd = "/v1/sessions/end" // token; EndSessions -> EndSessionsAnswer
	PathPassword    = "/v1/password"     // token; ChangePassword -> ChangePasswordAnswer

	PathAccountDelete = "/v1/account/delete" // token; DeleteAccount -> DeletedAccount
	PathExport        = "/v1/export"         // GET, token; ?cursor= -> JSON lines, and Link with rel="next" unless it is the last page

	PathDelivered = "/v1/delivered" // GET, token; ?id= &to= -> DeliveredAnswer

	PathRole = "/v1/role" // token; GiveRole -> GaveRole; GET -> RoleAnswer

	PathContacts       = "/v1/contacts"         // GET, token; ?kind= &after= &limit= -> ContactsAnswer
	PathContactRequest = "/v1/contacts/request" // token; RequestContact -> RequestedContact
	PathContactAccept  = "/v1/contacts/accept"  // token; ContactChange -> ContactChanged, as the next ones
	PathContactDecline = "/v1/contacts/decline" // a request that came in, or the caller's own
	PathContactRemove  = "/v1/contacts/remove"  // ends the contact for both
	PathContactRemark  = "/v1/contacts/remark"  // token; RemarkContact -> ContactChanged
	PathBlock          = "/v1/contacts/block"
	PathUnblock        = "/v1/contacts/unblock"
	PathConsent        = "/v1/consent" // token; Consent -> Consent; GET -> Consent

	PathReport      = "/v1/report"        // token; ReportMessage -> MessageReported
	PathReports     = "/v1/reports"       // GET, token of a moderator; ?after= &limit= -> ReportsAnswer
	PathReportClose = "/v1/reports/close" // token of a moderator; CloseReport -> ReportClosed

	PathSchedule  = "/v1/schedule"  // token; ScheduleMessage -> Scheduled
	PathScheduled = "/v1/scheduled" // GET, token; ?after= &limit= -> ScheduledAnswer
	PathCancel    = "/v1/cancel"    // token; CancelMessage -> CancelAnswer

	PathGroups       = "/v1/groups"             // GET, token -> GroupsAnswer
	PathGroupCreate  = "/v1/groups/create"      // token; CreateGroup -> CreatedGroup
	PathGroupJoin    = "/v1/groups/join"        // token; JoinGroup -> JoinedGroup
	PathGroupLeave   = "/v1/groups/leave"       // token; LeaveGroup -> LeftGroup
	PathGroupAdd     = "/v1/groups/add"         // token; AddMember -> AddedMember
	PathGroupRemove  = "/v1/groups/remove"      // token; RemoveMember -> RemovedMember
	PathGroupRole    = "/v1/groups/role"        // token; GiveGroupRole -> GaveGroupRole
	PathInvitations  = "/v1/groups/invitations" // GET, token -> InvitationsAnswer
	PathGroupAccept  = "/v1/groups/accept"      // token; JoinGroup -> JoinedGroup
	PathGroupDecline = "/v1/groups/decline"     // token; LeaveGroup -> LeftGroup
	PathGroupMembers = "/v1/groups/members"     // GET, token; ?group= &after= &limit= -> GroupMembersAnswer
)

// Paths of the route for nodes. Requests and answers are protobuf (hop.proto). The method
// is POST, with the service token as "Authorization: Bearer ...".
const (
	PathNodeReport    = "/node/report"    // ReportRequest -> ReportAnswer
	PathNodeSend      = "/node/send"      // SendRequest -> SendAnswer
	PathNodeReconcile = "/node/reconcile" // ReconcileRequest -> ReconcileAnswer
	PathNodePull      = "/node/pull"      // PullRequest -> PullAnswer
	PathNodeMove      = "/node/move"      // MoveRequest -> MoveAnswer
	PathNodeFire      = "/node/fire"      // FireRequest -> FireAnswer
	PathNodeKeys      = "/node/keys"      // GET -> KeysAnswer, JSON
	PathNodeStream    = "/node/stream"    // GET with an Upgrade: the POSTs above as calls of a stream, see proto/stream
)

// Paths of a node's internal port.
const (
	PathPush       = "/push"    // POST, service token: PushRequest -> PushAnswer, protobuf
	PathPushStream = "/stream"  // GET with an Upgrade, service token: pushes as calls of a stream
	PathNodeOnline = "/online"  // GET, service token: ?after= &limit= &prefix= -> OnlineAnswer
	PathRing       = "/members" // GET: the members that this node knows, with an ETag
	PathDrain      = "/drain"   // service token; POST: start to drain, GET: status; both -> DrainStatus
	PathCIMPush    = "/sendMsg" // POST: CIM's push, in open mode only
)

// Paths that every program serves.
const (
	PathHealth  = "/healthz" // 200 while the process answers
	PathReady   = "/readyz"  // 200 when the program should get requests, otherwise 503 and the reason
	PathMetrics = "/metrics" // Prometheus text
)

// PathProfiles is the path under which a program serves its profiles (package
// net/http/pprof), if it serves any.
const PathProfiles = "/debug/pprof/"

// ContentProtobuf is the content type of bodies between nodes and routes.
const ContentProtobuf = "application/x-protobuf"

// WebSocket subprotocols of a node, and their path.
const (
	PathSocket        = "/ws"
	SubprotocolBinary = "cim.v1.proto" // a binary message is one Frame
	SubprotocolJSON   = "cim.v1.json"  // a text message is one Frame in JSON
)

// Request headers for an overloaded route. Without them a request counts as a first try.
const (
	// HeaderRefused has how often the route refused this request before. It is for logins
	// and reads of a log. The route serves such a request before others. The client waits
	// for the answer for RefusedPatience longer than usual.
	HeaderRefused = "Cim-Refused"
	// HeaderPriority is the header of RFC 9218. Its value PriorityBacklog means that
	// the request reads an old page of a log, and that more pages follow.
	HeaderPriority  = "Priority"
	PriorityBacklog = "u=6"
)

// HeaderKey is the header of the IETF's draft-ietf-httpapi-idempotency-key-header. Its value
// is the id of a message, in quotes or without. The id in the body may be missing then, or is
// the same.
const HeaderKey = "Idempotency-Key"

// If a route has refused a request before, it lets the request wait for RefusedPatience.
const RefusedPatience = 20 * time.Second
