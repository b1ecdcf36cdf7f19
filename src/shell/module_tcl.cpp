#include <fmt/format.h>

#include "base/text.hpp"
#include "shell/module_steps.hpp"
#include "shell/rule_lines.hpp"

namespace hpcenv::shell {
namespace {

// Written for every environment-modules from 3.2 on. What a variable was is kept in one of its own:
// pushenv of 5.x loses what stands behind a colon, older ones have none, and setenv does not
// restore. In Lmod nothing that a Tcl file can say does.
constexpr std::string_view preamble = R"tcl(
set hpcenv_unloading [expr {[module-info mode remove] || [module-info mode unload]}]
set hpcenv_csh [expr {[lsearch -exact {csh tcsh} [module-info shell]] >= 0}]
set hpcenv_lmod [expr {[info exists ::ModuleTool] ? $::ModuleTool eq "Lmod" : [info exists ::env(LMOD_CMD)]}]
set hpcenv_marker [expr {[info exists ::env(__HPCENV_MODULE)] ? $::env(__HPCENV_MODULE) : ""}]
set hpcenv_done @KEY@:
set hpcenv_other [expr {$hpcenv_marker ne "" && [string first @KEY@: $hpcenv_marker] != 0}]

if {$hpcenv_lmod && !$hpcenv_unloading} {
    puts stderr "hpcenv: Lmod cannot take back what a Tcl file sets; this writes one for it: hpcenv modulefile --lmod"
    break
}
if {[llength [info commands family]]} {
    family hpcenv
} elseif {!$hpcenv_unloading && $hpcenv_other} {
    puts stderr "hpcenv: another environment is loaded as a module; unload it first"
    break
}

# What comes in as other bytes than UTF-8 would not go out as it was.
set hpcenv_broken {}
proc hpcenv_comes_in {name} {
    global hpcenv_was hpcenv_broken
    if {![info exists ::env($name)]} { return }
    set hpcenv_was($name) $::env($name)
    if {![regexp {[\x80-\xff]} $::env($name)]} { return }
    set raw "\xff"
    catch {
        set file [open /proc/self/environ]
        fconfigure $file -translation binary
        foreach entry [split [read $file] \0] {
            if {[string first $name= $entry] == 0} { set raw $entry }
        }
        close $file
    }
    if {[encoding convertto utf-8 [encoding convertfrom utf-8 $raw]] ne $raw} { lappend hpcenv_broken $name }
}

# Why this shell would not get a value as it is, or would run a part of it.
proc hpcenv_against {value} {
    global hpcenv_csh hpcenv_broken
    if {[llength $hpcenv_broken] && [regexp {[\x80-\xff]} $value]} { return "bytes that are not UTF-8" }
    if {[regexp {[\x00-\x08\x0a-\x1f\x7f]} $value]} { return "a control character" }
    if {[regexp {(^|:)~} $value]} { return "a ~ that would become a home directory" }
    if {$hpcenv_csh && [regexp {[!{}*?]|\[|\]} $value]} { return "what csh would change" }
    if {[module-info shell] eq "csh" && [string length $value] > 8000} { return "more than csh takes" }
    return ""
}

proc hpcenv_undone {name} {
    global hpcenv_marker hpcenv_other
    return [expr {!$hpcenv_other && [string first :$name: $hpcenv_marker] >= 0}]
}

proc hpcenv_may {name value} {
    set reason [hpcenv_against $value]
    if {$reason eq "" && [info exists ::env($name)]} { set reason [hpcenv_against $::env($name)] }
    if {$reason ne ""} { puts stderr "hpcenv: $name is left as it is: it holds $reason" }
    return [expr {$reason eq ""}]
}

# At unload modules turn setenv into its contrary, and unsetenv with a value sets that.
proc hpcenv_pop {name} {
    set kept __HPCENV_OLD_$name
    if {[info exists ::env($kept)]} {
        set old [string range $::env($kept) 1 end]
        setenv $kept .
        unsetenv $name $old
    } else {
        setenv $name .
    }
}

# wish: {} leaves the variable as it is, {unset}, or {set VALUE}.
proc hpcenv_push {name wish} {
    global hpcenv_unloading hpcenv_done
    if {$hpcenv_unloading} {
        if {[hpcenv_undone $name]} { hpcenv_pop $name }
        return
    }
    set there [info exists ::env($name)]
    if {![llength $wish] || ([lindex $wish 0] eq "unset" && !$there)} { return }
    if {![hpcenv_may $name [lindex $wish 1]]} { return }
    if {$there} { setenv __HPCENV_OLD_$name .$::env($name) }
    if {[lindex $wish 0] eq "set"} { setenv $name [lindex $wish 1] } else { unsetenv $name }
    append hpcenv_done $name :
}

# The list without the elements `first`, which end in a colon.
proc hpcenv_stripped {old first} {
    set rest :$old:
    while {[set at [string first :$first $rest]] >= 0} {
        set rest [string range $rest 0 $at][string range $rest [expr {$at + 1 + [string length $first]}] end]
    }
    return [string range $rest 1 end-1]
}

# Other modules may add to the same list: only its own elements are taken out again.
proc hpcenv_list {add name value} {
    global hpcenv_unloading hpcenv_done
    if {$hpcenv_unloading} {
        if {[hpcenv_undone $name]} { return [hpcenv_pop $name] }
        if {[hpcenv_undone +$name]} { $add $name $value }
        if {[hpcenv_undone $name=] && (![info exists ::env($name)] || $::env($name) eq "")} { unsetenv $name "" }
        return
    }
    set old [expr {[info exists ::env($name)] ? $::env($name) : ":"}]
    if {[string first :$value: :$old:] >= 0} {
        if {$add eq "append-path"} { return }
        set rest [hpcenv_stripped $old $value:]
        set wanted [expr {$rest eq "" ? $value : "$value:$rest"}]
        if {$wanted eq $old} { return }
        if {$name ne "PATH"} { return [hpcenv_push $name [list set $wanted]] }
    }
    if {![hpcenv_may $name $value]} { return }
    $add $name $value
    if {$old eq ""} { append hpcenv_done $name=: }
    append hpcenv_done +$name :
}

proc hpcenv_text {name} {
    global hpcenv_was
    return [expr {[info exists hpcenv_was($name)] ? $hpcenv_was($name) : ""}]
}
proc hpcenv_by {name unset empty set} {
    global hpcenv_was
    if {![info exists hpcenv_was($name)]} { return $unset }
    return [expr {$hpcenv_was($name) eq "" ? $empty : $set}]
}
# What is there already is not added once more.
proc hpcenv_once {name before after alone separator wish} {
    set old [hpcenv_text $name]
    if {$alone ne "" && $old eq $alone} { return {} }
    set rest [expr {[string length $old] - [string length $after]}]
    if {$separator ne ""} {
        set all [expr {$after eq "" ? "$separator$old" : "$old$separator"}]
        set own [expr {$after eq "" ? "$separator$before" : "$after$separator"}]
        if {[string first $own $all] >= 0} { return {} }
    } elseif {$rest >= [string length $before] && [string first $before $old] == 0 &&
              [string range $old $rest end] eq $after} {
        return {}
    }
    return $wish
}
# Elements that are there come to the front.
proc hpcenv_front {name first wish} {
    global hpcenv_was
    set there [info exists hpcenv_was($name)]
    if {$there} {
        set old $hpcenv_was($name)
        set hpcenv_was($name) [hpcenv_stripped $old $first]
    }
    set wanted [uplevel 1 $wish]
    if {$there} {
        set hpcenv_was($name) $old
        if {$wanted eq [list set $old]} { return {} }
    }
    return $wanted
}
)tcl";

std::string word(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       static_cast<unsigned char>(c) >= 0x80 ||
                       std::string_view(" /_-.,:=+@").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    }
  }
  return out + "\"";
}

std::string wish_of(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::keep) return "{}";
  if (outcome.kind == Outcome::Kind::unset) return "unset";
  std::string value;
  for (const Piece& piece : outcome.value) {
    const std::string next = word(piece.text);
    const std::string inner = next.substr(1, next.size() - 2);
    value += piece.kind == Piece::Kind::text ? inner : "[hpcenv_text " + inner + "]";
  }
  return "[list set \"" + value + "\"]";
}

std::string chosen(const Rule& rule) {
  std::string set = wish_of(rule.set);
  if (rule.unset == rule.set && rule.empty == rule.set) return set;
  return fmt::format("[hpcenv_by {} {} {} {}]", rule.selector, wish_of(rule.unset),
                     wish_of(rule.empty), set);
}

std::string line_of(const ModuleStep& step) {
  const Rule& rule = step.rule;
  if (step.kind != ModuleStep::Kind::choose) {
    const char* add = step.kind == ModuleStep::Kind::front ? "prepend-path" : "append-path";
    return fmt::format("hpcenv_list {} {} {}\n", add, rule.name, word(step.list));
  }
  if (is_list_prepend(rule)) {
    // In braces it is evaluated later: `chosen` is a command in brackets, which go.
    const std::string wish = chosen(rule);
    return fmt::format("hpcenv_push {0} [hpcenv_front {0} {1} {{{2}}}]\n", rule.name,
                       word(added_text(rule)), wish.substr(1, wish.size() - 2));
  }
  const auto own = own_text(rule);
  if (!own) return fmt::format("hpcenv_push {} {}\n", rule.name, chosen(rule));
  return fmt::format("hpcenv_push {0} [hpcenv_once {0} {1} {2} {3} {4} {5}]\n", rule.name,
                     word(own->before), word(own->after), word(own->alone),
                     word(separator_of(*own)), chosen(rule));
}

std::string guard_lines(const Recorded& recorded, const KnownVariables& known) {
  if (recorded.guards.empty()) return "";
  std::string out = "\nset hpcenv_holds 1\n";
  for (const Guard& guard : recorded.guards) {
    const auto made = known.find(guard.name);
    if (made != known.end()) {
      out += made->second ? fmt::format("set hpcenv_was({}) {}\n", guard.name, word(*made->second))
                          : fmt::format("unset -nocomplain hpcenv_was({})\n", guard.name);
    }
    const auto own = made_by_rule(recorded, guard);
    const char* state = guard.state == Incoming::unset   ? "1 0 0"
                        : guard.state == Incoming::empty ? "0 1 0"
                                                         : "0 0 1";
    out += fmt::format(
        "if {{!$hpcenv_unloading && ![hpcenv_by {0} {1}]{2}}} {{\n    set hpcenv_holds 0\n    puts "
        "stderr {3}\n}}\n",
        guard.name, state,
        own ? fmt::format(" && [hpcenv_text {}] ne {}", guard.name, word(*own)) : "",
        word(guard_message(guard) + script_names(recorded.scripts)));
  }
  return out;
}

// A backslash would carry a comment over to the next line.
std::string comment(std::string_view words) {
  return base::replace_all(shown_name(words), "\\", "?");
}

std::string help_lines(const std::string& help) {
  std::string out = "proc ModulesHelp {} {\n";
  for (const std::string_view line : base::split_lines(help)) {
    out += "    puts stderr " + word(line) + "\n";
  }
  return out + "}\n";
}

}  // namespace

std::string tcl_module(const Activation& activation, const ModuleSteps& steps) {
  std::string out =
      fmt::format("#%Module1.0\n# {}\n# Prefix: {}\n", module_mark, comment(activation.prefix));
  for (const RefusedVariable& one : steps.refused) {
    out += fmt::format("# Left out: {}, because {}\n", comment(one.name), one.reason);
  }
  out += help_lines(module_help(activation));
  out += fmt::format("module-whatis {}\n",
                     word(fmt::format("{}: the environment at {}", activation.environment_name,
                                      activation.prefix)));
  out += base::replace_all(std::string(preamble), "@KEY@", module_key(activation));
  out += "\nforeach hpcenv_name {\n";
  for (const std::string& name : names_read(activation, steps)) out += "    " + name + "\n";
  out += "} { hpcenv_comes_in $hpcenv_name }\n";
  out += guard_lines(activation.recorded, steps.known) + "\n";
  bool guarded = false;
  for (const ModuleStep& step : steps.steps) {
    if (step.guarded != guarded)
      out += guarded ? "}\n" : "if {$hpcenv_holds || $hpcenv_unloading} {\n";
    guarded = step.guarded;
    out += line_of(step);
  }
  if (guarded) out += "}\n";
  return out + "setenv __HPCENV_MODULE $hpcenv_done\n";
}

}  // namespace hpcenv::shell
