// The exports of the component are in bindings/exports.
package main

import _ "runs/bindings/exports/wit_exports"

func main() {}
