// Package page describes mode, log and VPD pages as lists of fields and has the
// engine that renders, masks and checks them.
//
// A page is a table that a reader can lay beside T10's: a field says its byte,
// its bits, its name, the model's value and who may change it. The default and
// changeable images, the checks of MODE SELECT and the lists of supported pages
// are derived from the fields, so they cannot disagree. Models are data: they
// pick pages, and change values by field name (Mode.WithValue and its like).
//
// Nothing here is safe for concurrent use: a device's pages belong to whoever
// holds the turn of its device server.
package page
