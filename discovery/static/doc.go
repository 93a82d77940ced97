// Package static is the discovery source of the peers that the configuration
// names by their multiaddrs, those of --bootstrap. It parses them, too, and
// says what to write instead of one that is no use.
//
// The package knows no host and dials nobody.
package static
