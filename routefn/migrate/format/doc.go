// Package format has the format of exports: JSON lines, with one record per line. It has
// the types of the lines, and a [Reader] that checks each line without a store. The
// importer and the exporter of package migrate use it. client/cim/IMPORT.md describes the
// lines for operators.
//
// The first line is a header. If it announces an end line and the file has none, the
// file was cut off. An unknown field is an error, because an importer that ignores it
// would lose data.
package format
