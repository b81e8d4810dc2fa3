/** Which client quotas a request to describe them asks for. Pure; checks and words are Kafka's. */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { type ClientQuotas, type EntityQuotas, EntityType } from "./client_quotas.ts";

/** Kafka's numbers. */
export const MatchType = { EXACT: 0, DEFAULT: 1, SPECIFIED: 2 } as const;

export interface FilterComponent {
  readonly entityType: string;
  readonly matchType: number;
  readonly match: string | null;
}

/** `isStrict`: an entity must have no types but those of the components. @throws {ProtocolError} */
export function selectQuotas(
  quotas: ClientQuotas,
  components: readonly FilterComponent[],
  isStrict: boolean,
): EntityQuotas[] {
  const seen = new Set<string>();
  for (const component of components) {
    checkComponent(component, seen);
    seen.add(component.entityType);
  }
  if (seen.has(EntityType.IP) && seen.size > 1) {
    throw invalid(
      "Invalid entity filter component combination. " +
        "IP filter component should not be used with user or clientId filter component.",
    );
  }
  if (isStrict && components.length === 0) return []; // as Kafka: strictly, nobody has no type
  return [...quotas.entities()].filter(({ entity }) =>
    (!isStrict || entity.size === components.length) &&
    components.every(({ entityType, matchType, match }) =>
      entity.has(entityType) && (matchType === MatchType.SPECIFIED || entity.get(entityType) === match)
    )
  );
}

function checkComponent({ entityType, matchType, match }: FilterComponent, seen: ReadonlySet<string>): void {
  if (entityType === "") throw invalid("Invalid empty entity type.");
  if (seen.has(entityType)) throw invalid(`Entity type ${entityType} cannot appear more than once in the filter.`);
  if (!Object.values<string>(EntityType).includes(entityType)) {
    throw new ProtocolError(ErrorCode.UNSUPPORTED_VERSION, `Unsupported entity type ${entityType}`);
  }
  switch (matchType) {
    case MatchType.EXACT:
      if (match === null) throw invalid("Request specified MATCH_TYPE_EXACT, but set match string to null.");
      return;
    case MatchType.DEFAULT:
    case MatchType.SPECIFIED: {
      const name = matchType === MatchType.DEFAULT ? "DEFAULT" : "SPECIFIED";
      if (match !== null) throw invalid(`Request specified MATCH_TYPE_${name}, but also specified a match string.`);
      return;
    }
    default:
      throw invalid(`Unknown match type ${matchType}`);
  }
}

function invalid(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.INVALID_REQUEST, message);
}
