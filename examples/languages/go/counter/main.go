// The exports of the component are in bindings/exports.
package main

import _ "counter/bindings/exports/wit_exports"

func main() {}
