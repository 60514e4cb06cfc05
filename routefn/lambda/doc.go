// Package lambda runs an http.Handler as an AWS Lambda function. Lambda's HTTP front
// ends call a function with events. The package turns these into requests, and answers
// into the form that the front ends expect. It knows nothing of routes.
//
// # Events
//
//	payload 2.0    API Gateway's HTTP API, and function URLs (buffered)
//	ALB            a target group of an Application Load Balancer, with and
//	               without multi-value headers
//
// "version" and "requestContext.elb" distinguish them. Any other event, such as one of
// a REST API, a queue or a schedule, is an error of the invocation.
//
// The package undoes the changes that the front ends make to a request:
//
//   - Payload 2.0 joins header fields of one name by commas, and they stay so: a
//     value may have commas of its own. Cookies come in a list of their own.
//   - A stage other than $default stands in front of the path and is taken off. A
//     stage must therefore not be called like the first part of a path: not "v1".
//   - ALB hands the query on as it was written, in a map: names are put in order.
//   - A body is base64 when the event says so.
//
// An answer's body goes as text if it is UTF-8, which JSON carries unchanged, and
// as base64 otherwise. A handler that writes nothing has answered 200. Several
// Set-Cookie are kept apart in payload 2.0 and by multi-value headers; an ALB
// without those takes only one, the last.
//
// # Time and failure
//
// The handler's context ends [Config.Margin] before Lambda would end the
// invocation, so that a store that does not answer still becomes an answer. A
// handler that panics answers 500, and the instance lives on. An answer that is too
// large for the front end (1 MB for ALB, 6 MB for the others) becomes a 413.
//
// A function has no goroutines of this package. Between invocations its process is
// frozen, so goroutines that a handler leaves running stand still.
package lambda
