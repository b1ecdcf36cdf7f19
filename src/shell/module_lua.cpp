#include <fmt/format.h>

#include "base/text.hpp"
#include "shell/module_steps.hpp"
#include "shell/rule_lines.hpp"

namespace hpcenv::shell {
namespace {

// Read by every Lua from 5.1 on. Which variables were pushed is remembered in one of its own: what
// is undone at unload must be what was done, whatever the variables are by then.
constexpr std::string_view preamble = R"lua(
local loading = mode() ~= "unload"
local marker = os.getenv("@MARKER@") or ""
local done = ":"
local shell = myShellName and myShellName() or "sh"
local csh = shell == "csh" or shell == "tcsh"

local function is_utf8(value)
   value = string.gsub(value, "[\194-\223][\128-\191]", "")
   value = string.gsub(value, "[\224-\239][\128-\191][\128-\191]", "")
   value = string.gsub(value, "[\240-\244][\128-\191][\128-\191][\128-\191]", "")
   return not string.find(value, "[\128-\255]")
end

-- Why this shell would not get a value as it is, or would run a part of it.
local function against(value)
   if not value then return nil end
   if string.find(value, "\n", 1, true) then return "a newline" end
   if shell == "fish" and string.find(value, "\r", 1, true) then return "a carriage return" end
   if csh and string.find(value, "[!\t{}\27]") then return "what csh would change" end
   if csh and not is_utf8(value) then return "bytes that are not UTF-8" end
   if shell == "csh" and string.len(value) > 8000 then return "more than csh takes" end
   return nil
end

local function undone(name) return string.find(marker, ":" .. name .. ":", 1, true) end

-- pushenv forgets that a value was empty. Lmod runs these lines after all else, and where it loads
-- the module again by the same command, that has to know.
local loaded = package and package.loaded or {}
local emptied = loaded.hpcenv_emptied or {}
local function give_empty(name)
   local lines = "[ -n \"${NAME+x}\" ] || { NAME=''; export NAME; }"
   if csh then lines = "if (! $?NAME) setenv NAME ''" end
   if shell == "fish" then lines = "set -q NAME; or set -gx NAME ''" end
   execute{cmd = string.gsub(lines, "NAME", name), modeA = {"unload"}}
   emptied[name] = true
   loaded.hpcenv_emptied = emptied
end
local function now(name)
   local value = os.getenv(name)
   if value == nil and emptied[name] then return "" end
   return value
end

-- value: nil leaves the variable as it is, false unsets it.
local function push(name, value)
   if not loading then
      if undone(name) then pushenv(name, "") end
      if undone(name .. "=") then give_empty(name) end
      return
   end
   local old = now(name)
   if value == nil or value == false and old == nil then return end
   local reason = against(value) or against(old)
   if reason then
      LmodMessage("hpcenv: " .. name .. " is left as it is: it holds " .. reason)
      return
   end
   if old == "" then done = done .. name .. "=:" end
   pushenv(name, value)
   if value == false and emptied[name] then
      local unset = csh and "unsetenv " or shell == "fish" and "set -e " or "unset "
      execute{cmd = unset .. name, modeA = {"load"}}
   end
   done = done .. name .. ":"
end

-- The list without the elements `first`, which end in a colon.
local function stripped(old, first)
   local rest = ":" .. old .. ":"
   local at = string.find(rest, ":" .. first, 1, true)
   while at do
      rest = string.sub(rest, 1, at) .. string.sub(rest, at + 1 + string.len(first))
      at = string.find(rest, ":" .. first, 1, true)
   end
   return string.sub(rest, 2, -2)
end

-- Other modules may add to the same list: only its own elements are taken out again.
local function list(add, name, value)
   if not loading then
      if undone(name) then return push(name, value) end
      if undone("+" .. name) then add(name, value) end
      if undone(name .. "=") then give_empty(name) end
      return
   end
   local old = now(name)
   if string.find(":" .. (old or "") .. ":", ":" .. value .. ":", 1, true) then
      if add == append_path then return end
      local rest = stripped(old, value .. ":")
      local wanted = rest == "" and value or value .. ":" .. rest
      if wanted == old then return end
      if name ~= "PATH" then return push(name, wanted) end
   end
   local reason = against(value) or against(old)
   if reason then
      LmodMessage("hpcenv: " .. name .. " is left as it is: it holds " .. reason)
      return
   end
   add(name, value)
   if old == "" then done = done .. name .. "=:" end
   done = done .. "+" .. name .. ":"
end

local was = {}
local function text(name) return was[name] or "" end
local function by(name, unset, empty, set)
   if was[name] == nil then return unset end
   if was[name] == "" then return empty end
   return set
end
-- What is there already is not added once more.
local function once(name, before, after, alone, separator, value)
   local old = text(name)
   if alone ~= "" and old == alone then return nil end
   local size = string.len(before) + string.len(after)
   if separator ~= "" then
      local all, own = old .. separator, after .. separator
      if after == "" then all, own = separator .. old, separator .. before end
      if string.find(all, own, 1, true) then return nil end
   elseif string.len(old) >= size and string.sub(old, 1, string.len(before)) == before and
          string.sub(old, string.len(old) - string.len(after) + 1) == after then
      return nil
   end
   return value
end
-- Elements that are there come to the front.
local function front(name, first, value)
   local old = was[name]
   if old then was[name] = stripped(old, first) end
   local wanted = value()
   was[name] = old
   if wanted == old then return nil end
   return wanted
end
)lua";

std::string word(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view(" /_-.,:=+@;()").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += fmt::format("\\{:03d}", static_cast<unsigned char>(c));
    }
  }
  return out + "\"";
}

std::string expression(const Template& value) {
  std::string out;
  for (const Piece& piece : value) {
    if (!out.empty()) out += " .. ";
    out += piece.kind == Piece::Kind::text ? word(piece.text) : "text(" + word(piece.text) + ")";
  }
  return out.empty() ? "\"\"" : out;
}

std::string outcome_words(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::keep) return "nil";
  return outcome.kind == Outcome::Kind::unset ? "false" : expression(outcome.value);
}

std::string chosen(const Rule& rule) {
  std::string set = outcome_words(rule.set);
  if (rule.unset == rule.set && rule.empty == rule.set) return set;
  return fmt::format("by({}, {}, {}, {})", word(rule.selector), outcome_words(rule.unset),
                     outcome_words(rule.empty), set);
}

std::string line_of(const ModuleStep& step) {
  const Rule& rule = step.rule;
  if (step.kind != ModuleStep::Kind::choose) {
    const char* add = step.kind == ModuleStep::Kind::front ? "prepend_path" : "append_path";
    return fmt::format("list({}, {}, {})\n", add, word(rule.name), word(step.list));
  }
  const std::string name = word(rule.name);
  if (is_list_prepend(rule)) {
    return fmt::format("push({0}, front({0}, {1}, function() return {2} end))\n", name,
                       word(added_text(rule)), chosen(rule));
  }
  const auto own = own_text(rule);
  if (!own) return fmt::format("push({}, {})\n", name, chosen(rule));
  return fmt::format("push({0}, once({0}, {1}, {2}, {3}, {4}, {5}))\n", name, word(own->before),
                     word(own->after), word(own->alone), word(separator_of(*own)), chosen(rule));
}

std::string guard_lines(const Recorded& recorded, const KnownVariables& known) {
  if (recorded.guards.empty()) return "";
  std::string out = "\nlocal holds = true\n";
  for (const Guard& guard : recorded.guards) {
    const auto made = known.find(guard.name);
    if (made != known.end()) {
      out += fmt::format("was[{}] = {}\n", word(guard.name),
                         made->second ? word(*made->second) : "nil");
    }
    const auto own = made_by_rule(recorded, guard);
    const char* state = guard.state == Incoming::unset   ? "true, false, false"
                        : guard.state == Incoming::empty ? "false, true, false"
                                                         : "false, false, true";
    out += fmt::format(
        "if loading and not (by({0}, {1}){2}) then\n   holds = false\n   LmodMessage({3} .. "
        "{4})\nend\n",
        word(guard.name), state,
        own ? fmt::format(" or was[{}] == {}", word(guard.name), word(*own)) : "",
        word(guard_message(guard)), word(script_names(recorded.scripts)));
  }
  return out;
}

}  // namespace

std::string lua_module(const Activation& activation, const ModuleSteps& steps) {
  std::string out =
      fmt::format("-- {}\n-- Prefix: {}\n", module_mark, shown_name(activation.prefix));
  for (const RefusedVariable& one : steps.refused) {
    out += fmt::format("-- Left out: {}, because {}\n", shown_name(one.name), one.reason);
  }
  out += fmt::format("help({})\n", word(module_help(activation)));
  out += fmt::format("whatis({})\n", word("Name: " + activation.environment_name));
  out += fmt::format("whatis({})\n", word("Description: the environment at " + activation.prefix));
  out += "family(\"hpcenv\")\n";
  const std::string marker = "__HPCENV_MODULE_" + module_key(activation);
  out += base::replace_all(std::string(preamble), "@MARKER@", marker);
  out += "\nfor _, name in ipairs({\n";
  for (const std::string& name : names_read(activation, steps)) out += "   " + word(name) + ",\n";
  out += "}) do was[name] = now(name) end\n";
  out += guard_lines(activation.recorded, steps.known) + "\n";
  bool guarded = false;
  for (const ModuleStep& step : steps.steps) {
    if (step.guarded != guarded) out += guarded ? "end\n" : "if holds or not loading then\n";
    guarded = step.guarded;
    out += line_of(step);
  }
  if (guarded) out += "end\n";
  return out + "setenv(" + word(marker) + ", done)\n";
}

}  // namespace hpcenv::shell
