#!/bin/sh
echo "café $1"
