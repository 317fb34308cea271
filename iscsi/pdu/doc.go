// Package pdu has the wire form of RFC 7143 section 11: one file for each PDU,
// with the figure of the RFC above a struct, a decoder that checks lengths and
// the values that the RFC forbids, and the encoder that is its inverse. It knows
// no connection and imports the standard library only.
//
// A PDU on the wire is a 48-byte header, additional header segments, a header
// digest if negotiated, the data segment padded to 4 bytes, and a data digest if
// negotiated and there are data (RFC 7143 11.1). The structs here are headers;
// the lengths of what follows are fields of theirs. All integers are big-endian.
// Reserved bits are ignored by decoders and zeroed by encoders.
package pdu
