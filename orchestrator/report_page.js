// SPDX-License-Identifier: MIT
// Sorts, filters and opens the rows of the accounts. Everything is there
// without it; names only ever become text nodes.
"use strict";
document.documentElement.className = "js";
document.addEventListener("DOMContentLoaded", function () {
	var PAGE = 100;
	var table = document.getElementById("accounts");
	if (!table)
		return;
	var raw = table.tBodies[0];
	var heads = Array.from(table.tHead.rows[0].cells);
	var lines = document.getElementById("data").textContent.split("\n");
	var search = document.getElementById("search");
	var chosen = ["state", "grade", "group"].map(function (id) {
		return document.getElementById(id);
	});
	var count = document.getElementById("count");
	var more = document.getElementById("more");
	var body = document.createElement("tbody");
	var rows = Array.from(raw.rows).map(function (tr, place) {
		var d = tr.dataset;
		return {tr: tr, place: place, text: null, state: d.state,
			grade: d.grade, groups: d.groups ? d.groups.split(" ") : [],
			look: d.look === "1", keys: [], detail: null};
	});
	var shown = rows, drawn = 0, sortColumn = -1, ascending = true;

	raw.remove();
	table.appendChild(body);

	function make(name, text, className) {
		var e = document.createElement(name);
		if (text !== undefined)
			e.textContent = text;
		if (className)
			e.className = className;
		return e;
	}

	function key(row, column) {
		if (row.keys[column] === undefined) {
			var cell = row.tr.cells[column], v = cell.dataset.v;
			row.keys[column] = v !== undefined ? Number(v) :
				cell.textContent.toLowerCase();
		}
		return row.keys[column];
	}

	function fill(select, values) {
		Array.from(new Set(values)).sort().forEach(function (v) {
			var option = make("option", v);
			option.value = v;
			select.appendChild(option);
		});
		select.parentNode.hidden = select.options.length < 2;
	}

	// ---------------------------------------------------------- one row

	function grid(names, numeric, list, from) {
		var t = make("table"), head = t.createTHead().insertRow();
		names.forEach(function (n, i) {
			var th = make("th", n, i >= numeric ? "n" : "");
			th.scope = "col";
			head.appendChild(th);
		});
		var b = t.createTBody();
		list.forEach(function (item) {
			var tr = b.insertRow();
			from(item).forEach(function (v, i) {
				var td = tr.insertCell();
				td.textContent = v;
				if (i >= numeric)
					td.className = "n";
			});
		});
		return t;
	}

	function number(n) {
		return n.toLocaleString("en-US");
	}

	function bytes(n) {
		var units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], u = 0;
		while (n >= 1024 && u < units.length - 1) {
			n /= 1024;
			u++;
		}
		return (u ? n.toFixed(1) : n) + " " + units[u];
	}

	function part(cell, title, content) {
		cell.appendChild(make("h3", title));
		var box = make("div", undefined, "wide");
		box.appendChild(content);
		cell.appendChild(box);
	}

	function folderRow(f) {
		return [f[0], f[1] === 0 ? "same name" : f[1], number(f[2]),
			number(f[3]), number(f[4]), number(f[5]), number(f[6]),
			number(f[7]), bytes(f[8])];
	}

	function itemRow(i) {
		return [i[0] ? "note" : "refused", i[1],
			i[2] ? "message " + i[2] + (i[3] ? " of " + i[3] : "") : "the mailbox",
			i[5], i[6], i[7], i[8], i[4] ? bytes(i[4]) : ""];
	}

	function buildDetail(row) {
		var line = lines[row.place + 1].replace(/,$/, "");
		var data = JSON.parse(line);
		var tr = make("tr", undefined, "detail"), cell = tr.insertCell();
		cell.colSpan = heads.length;
		var facts = make("dl", undefined, "facts");
		data.s.forEach(function (pair) {
			facts.appendChild(make("dt", pair[0]));
			facts.appendChild(make("dd", pair[1]));
		});
		cell.appendChild(make("h3", "Account"));
		cell.appendChild(facts);
		if (data.f.length)
			part(cell, "Folders", grid(["Old name", "New name", "Source",
				"Copied", "Present", "Refused", "By rule", "Missing",
				"Size"], 2, data.f, folderRow));
		if (data.fl)
			cell.appendChild(make("p", number(data.fl) +
				" more folders are in report.jsonl.gz", "soft"));
		if (data.i.length)
			part(cell, "Refused, and notes", grid(["", "Folder", "What",
				"Dated", "Message-ID", "Reason", "In words", "Size"],
				7, data.i, itemRow));
		if (data.il)
			cell.appendChild(make("p", number(data.il) +
				" more are in report.jsonl.gz", "soft"));
		return tr;
	}

	function toggle(row, button) {
		var open = button.getAttribute("aria-expanded") !== "true";
		button.setAttribute("aria-expanded", String(open));
		if (open && !row.detail)
			row.detail = buildDetail(row);
		if (open)
			row.tr.after(row.detail);
		else
			row.detail.remove();
	}

	function prepare(row) {
		if (row.button)
			return;
		var cell = row.tr.cells[0];
		row.button = make("button", cell.textContent, "open");
		row.button.type = "button";
		row.button.setAttribute("aria-expanded", "false");
		row.button.addEventListener("click", function () {
			toggle(row, row.button);
		});
		cell.textContent = "";
		cell.appendChild(row.button);
	}

	// --------------------------------------------------------- all rows

	function draw(until) {
		var part = document.createDocumentFragment();
		for (; drawn < Math.min(until, shown.length); drawn++) {
			var row = shown[drawn];
			prepare(row);
			part.appendChild(row.tr);
			if (row.button.getAttribute("aria-expanded") === "true")
				part.appendChild(row.detail);
		}
		body.appendChild(part);
		more.hidden = drawn >= shown.length;
	}

	function matches(row, words) {
		if (chosen[0].value && row.state !== chosen[0].value)
			return false;
		if (chosen[1].value === "look" ? !row.look :
			chosen[1].value && row.grade !== chosen[1].value)
			return false;
		if (chosen[2].value && row.groups.indexOf(chosen[2].value) < 0)
			return false;
		if (words.length && row.text === null)
			row.text = (row.tr.textContent + " " +
				row.tr.dataset.find).toLowerCase();
		return words.every(function (w) {
			return row.text.indexOf(w) >= 0;
		});
	}

	function show() {
		var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
		shown = rows.filter(function (row) {
			return matches(row, words);
		});
		if (sortColumn >= 0)
			shown.sort(function (a, b) {
				var x = key(a, sortColumn), y = key(b, sortColumn);
				var order = x < y ? -1 : x > y ? 1 : 0;
				return (ascending ? order : -order) || a.place - b.place;
			});
		body.textContent = "";
		drawn = 0;
		draw(PAGE);
		count.textContent = number(shown.length) + " of " +
			number(rows.length) + " accounts";
	}

	heads.forEach(function (th, column) {
		var button = make("button", th.textContent);
		button.type = "button";
		th.textContent = "";
		th.appendChild(button);
		button.addEventListener("click", function () {
			ascending = sortColumn === column ? !ascending :
				th.className !== "n";
			sortColumn = column;
			heads.forEach(function (other) {
				other.removeAttribute("aria-sort");
			});
			th.setAttribute("aria-sort",
				ascending ? "ascending" : "descending");
			show();
		});
	});
	fill(chosen[0], rows.map(function (r) { return r.state; }));
	fill(chosen[2], [].concat.apply([], rows.map(function (r) {
		return r.groups;
	})));
	search.addEventListener("input", show);
	chosen.forEach(function (select) {
		select.addEventListener("change", show);
	});
	more.addEventListener("click", function () {
		draw(drawn + 10 * PAGE);
	});
	window.addEventListener("beforeprint", function () {
		draw(shown.length);
	});
	show();
});
