// Package format is the format of exports: JSON lines, one record a line. It has the
// types of the lines, and a [Reader] that checks each line without a store. The
// importer and the exporter of package migrate use it. client/cim/IMPORT.md describes
// the lines for operators.
//
// The first line is a header. If it announces an end line, a file without one was cut
// off. A field that is not known is an error, because an importer that passes over it
// would lose data.
package format
